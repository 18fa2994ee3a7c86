"""What the scripts of tests/bench share: their programs, optimised, in build/bench, and how often
one is run.
"""

import argparse
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"


def build(*targets):
    """Builds these; returns their paths, in the same order. What is missing is installed first."""
    subprocess.run([ROOT / "tests/support/install-packages", "build", "bench"], check=True)
    command = ["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
    command += ["-DREDWALL_TESTS=OFF", "-DREDWALL_BENCH=ON"]
    if shutil.which("ccache"):
        command.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    for step in (command, ["cmake", "--build", BUILD, "--target", *targets]):
        done = subprocess.run(step, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"the build failed:\n{done.stdout[-4000:]}")
    return [BUILD / "bin" / target for target in targets]


def wanted_runs(doc):
    """--runs, of a script that has no other option; `doc`: what the script says of itself."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="how often each is measured (7)")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs: at least 1")
    return options.runs
