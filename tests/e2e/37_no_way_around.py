"""Goal: no way round a policy. Each attempt of the corpus in tests/bypass is tried against a real
Redis through both agents with the policy that should stop it: nothing of it reaches Redis, by
MONITOR, by Redis's own counters and by its state; its harmless twin passes; and without a policy it
reaches Redis, so that the judge is known to see it. A part of the corpus is tried again with the
policy at the client agent.
"""

import pathlib
import sys

import scenario  # noqa: F401, finds tests/support
from harness import run_tests
from processes import SHARE, check

BYPASS = pathlib.Path(__file__).resolve().parents[1] / "bypass"
sys.path += [str(BYPASS), str(BYPASS / "families")]

import corpus  # noqa: E402
from policies import POLICIES, SETUPS  # noqa: E402
from runner import Bench, Verdicts, run_policy  # noqa: E402

AT_LEAST = 400
AT_CLIENT = 4  # every fourth case is tried with the policy at the client agent, too


def run_setup(scene, setup, every=1, at_client=False):
    every *= SHARE
    verdicts = Verdicts()
    bench = Bench(scene, setup)
    for policy in POLICIES:
        cases = [case for case in corpus.cases() if case.policy == policy.name][::every]
        if policy.setup == setup.name and cases:
            run_policy(bench, policy, cases, verdicts, at_client, self_check=not at_client)
    bench.close_pair(bench.open)
    print(
        f"          {verdicts.attempts} attempts, {verdicts.twins} twins; "
        f"{verdicts.seen} attempts reach Redis without a policy"
    )
    check(
        not verdicts.wrong,
        f"{len(verdicts.wrong)} cases went wrong\n    - " + "\n    - ".join(verdicts.wrong),
    )
    check(verdicts.attempts > 0, "no case was tried")


def test_the_corpus_is_large_and_each_policy_is_tried(_):
    cases = corpus.cases()
    check(len(cases) >= AT_LEAST, f"{len(cases)} cases, fewer than {AT_LEAST}")
    known = {policy.name for policy in POLICIES}
    tried = {case.policy for case in cases}
    check(tried == known, f"policies without a case or unknown: {tried ^ known}")
    names = [str(case) for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    check(not twice, f"cases that can't be told apart: {sorted(twice)[:5]}")


def test_nothing_gets_round_the_server_agents_policy(scene):
    run_setup(scene, SETUPS[0])


def test_nothing_gets_round_with_renamed_commands(scene):
    run_setup(scene, SETUPS[1])


def test_nothing_gets_round_rules_about_users(scene):
    run_setup(scene, SETUPS[2])


def test_nothing_gets_round_where_redis_does_not_tell_its_commands(scene):
    run_setup(scene, SETUPS[3])


def test_nothing_gets_round_rules_about_commands_that_are_not_known(scene):
    run_setup(scene, SETUPS[4])


def test_nothing_gets_round_those_of_the_client_agent(scene):
    run_setup(scene, SETUPS[4], at_client=True)


def test_nothing_gets_round_the_client_agents_policy(scene):
    run_setup(scene, SETUPS[0], AT_CLIENT, at_client=True)


def test_nothing_gets_round_the_client_agents_rules_about_users(scene):
    run_setup(scene, SETUPS[2], 2, at_client=True)


if __name__ == "__main__":
    run_tests(globals())
