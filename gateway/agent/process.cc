#include "gateway/agent/process.h"

#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "gateway/agent/descriptors.h"
#include "gateway/agent/log.h"
#include "gateway/net/signals.h"
#include "gateway/net/timer.h"

namespace redwall::agent {
namespace {

// Whoever reads the file finds the whole number or no file.
bool WritePidfile(const std::string& path) {
  const std::string fresh = path + ".new";
  unlink(fresh.c_str());
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  const std::string text = std::to_string(getpid()) + "\n";
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  close(fd);
  return written && rename(fresh.c_str(), path.c_str()) == 0;
}

// No secret in a core file. The limit alone is not enough where kernel.core_pattern is a pipe: its
// program gets the dump whatever the limit (core(5)). Who isn't dumpable leaves none at all, and
// lets no other process of its user read its memory or trace it (ptrace(2)).
void KeepMemoryPrivate() {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

// All that root may do is given up for good.
bool BecomeUser(const std::string& name, std::string& why) {
  errno = 0;
  const passwd* user = getpwnam(name.c_str());
  if (user == nullptr) {
    why = "there is no user '" + name + "'";
    return false;
  }
  if (initgroups(name.c_str(), user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
      setuid(user->pw_uid) != 0) {
    why = "can't become the user '" + name + "': " + std::strerror(errno) +
          "; start as root to use -u";
    return false;
  }
  KeepMemoryPrivate();  // setuid(2) has set "dumpable" to what fs.suid_dumpable says
  return true;
}

// A large command passes through buffers that are given back at once. glibc would raise its
// thresholds after the first of them and keep up to 64 MiB for the next.
void GiveMemoryBack() {
  mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
  mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
}

// Removes the pid file when the agent ends.
class Pidfile {
 public:
  explicit Pidfile(std::string path) : path_(std::move(path)) {}
  ~Pidfile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  Pidfile(const Pidfile&) = delete;
  Pidfile& operator=(const Pidfile&) = delete;

 private:
  std::string path_;
};

class Runner {
 public:
  Runner(net::Loop& loop, Agent& agent, std::uint64_t drain_ms)
      : loop_(loop), agent_(agent), drain_ms_(drain_ms), signals_(loop), deadline_(loop) {
    signal(SIGPIPE, SIG_IGN);
    signals_.On(SIGTERM, [this] { Stop("SIGTERM"); });
    signals_.On(SIGINT, [this] { Stop("SIGINT"); });
    signals_.On(SIGHUP, [this] { agent_.Reload(); });
    signals_.On(SIGUSR1, [this] { agent_.Reopen(); });
  }

 private:
  void Stop(const std::string& signal) {
    if (draining_) {
      LogInfo(signal + " again: stopping at once");
      return loop_.Stop();
    }
    draining_ = true;
    LogInfo(signal + ": finishing what is under way, for at most " + std::to_string(drain_ms_) +
            " ms; once more stops at once");
    deadline_.Start(drain_ms_, 0, [this] {
      LogWarn("the time to finish is over: stopping");
      loop_.Stop();
    });
    agent_.Drain([this] { loop_.Stop(); });
  }

  net::Loop& loop_;
  Agent& agent_;
  const std::uint64_t drain_ms_;
  net::Signals signals_;
  net::Timer deadline_;
  bool draining_ = false;
};

// The agent didn't start: said as every other mistake at the start is, not as a line of the log.
int Fail(const std::string& sentence) {
  std::fprintf(stderr, "redwall: %s\n", sentence.c_str());
  return 1;
}

}  // namespace

bool Daemon::Begin() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  const pid_t child = fork();
  if (child < 0) return false;
  if (child > 0) {
    close(ends[1]);
    char byte;
    if (read(ends[0], &byte, 1) == 1) _exit(0);
    int status = 0;
    waitpid(child, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }
  close(ends[0]);
  ready_fd_ = ends[1];
  return setsid() >= 0;
}

// The log goes with standard error: a daemon's operator reads the audit, or lets a service manager
// run the agent in the foreground.
void Daemon::Ready() {
  if (ready_fd_ < 0) return;
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; null >= 0 && fd < 3; ++fd) dup2(null, fd);
  const char byte = 1;
  if (write(ready_fd_, &byte, 1) == 1) close(ready_fd_);
  ready_fd_ = -1;
}

int RunAgent(net::Loop& loop, Agent& agent, const CommonConfig& config, Daemon& daemon) {
  KeepMemoryPrivate();
  RaiseDescriptorLimit();
  GiveMemoryBack();
  Runner runner(loop, agent, config.limits.drain_ms);  // from here on, signals are ours
  if (const auto started = agent.Start(); !started) return Fail(started.error().sentence);
  if (!config.pidfile.empty() && !WritePidfile(config.pidfile))
    return Fail(config.pidfile + ": the pid file can't be written: " + std::strerror(errno));
  const Pidfile pidfile(config.pidfile);
  std::string why;
  if (!config.user.empty() && !BecomeUser(config.user, why)) return Fail(why);
  daemon.Ready();
  loop.Run();
  LogInfo("stopped");
  return 0;
}

}  // namespace redwall::agent
