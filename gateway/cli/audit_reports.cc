// audit reconcile and audit report.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gateway/audit/reconcile.h"
#include "gateway/audit/report.h"
#include "gateway/audit/visible.h"
#include "gateway/cli/commands.h"

namespace redwall::cli {
namespace {

const std::map<std::string, policy::AuditEvents> kEvents = {
    {"all", policy::AuditEvents::kAll},
    {"writes", policy::AuditEvents::kWrites},
    {"denied", policy::AuditEvents::kDenied},
    {"none", policy::AuditEvents::kNone}};

// The shell's glob gives them, too: server.jsonl*. They hold no lines.
void LeaveOutHeads(std::vector<std::string>& files) {
  std::erase_if(files, [](const std::string& name) { return name.ends_with(".head"); });
}

struct ReconcileFlags {
  std::vector<std::string> files;
  std::string client_events = "all", server_events = "all";
  audit::ReconcileOptions options;
};

int RunReconcile(ReconcileFlags& flags) {
  audit::ReconcileOptions& options = flags.options;
  for (std::vector<std::string>* files :
       {&flags.files, &options.client_files, &options.server_files})
    LeaveOutHeads(*files);
  if (flags.files.size() > 2)
    return Complain(
        "audit reconcile: CLIENT.jsonl SERVER.jsonl are two; give more files of a site "
        "by --client FILE and --server FILE",
        kUsage);
  if (!flags.files.empty()) options.client_files.push_back(flags.files[0]);
  if (flags.files.size() == 2) options.server_files.push_back(flags.files[1]);
  if (options.client_files.empty() || options.server_files.empty())
    return Complain(
        "audit reconcile: needs the audit of both sites: CLIENT.jsonl SERVER.jsonl, or "
        "--client FILE and --server FILE, each as often as there are files",
        kUsage);
  options.client_events = kEvents.at(flags.client_events);
  options.server_events = kEvents.at(flags.server_events);
  const auto done = audit::Reconcile(options);
  if (!done) return Complain(done.error().sentence, kUsage);
  const std::string text = audit::Describe(*done);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) != 0) return Complain("standard output can't be written", kFailed);
  return done->clean() ? kDone : kFailed;
}

struct ReportFlags {
  std::vector<std::string> files;
  std::string output;
  audit::ReportOptions options;
};

// Others can't read it, as they can't read the audit; who reads it sees either the old or the new.
int WritePage(const std::string& path, const std::string& page) {
  const std::string fresh = path + ".new";
  // What somebody else has put there, with rights of its own, isn't written into.
  ::unlink(fresh.c_str());
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  std::size_t sent = 0;
  while (fd >= 0 && sent < page.size()) {
    const ssize_t taken = ::write(fd, page.data() + sent, page.size() - sent);
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0) break;
    sent += static_cast<std::size_t>(taken);
  }
  const bool whole = fd >= 0 && sent == page.size();
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (whole && ::rename(fresh.c_str(), path.c_str()) == 0) return kDone;
  const std::string why = std::strerror(whole ? errno : error);
  if (fd >= 0) ::unlink(fresh.c_str());
  return Complain(audit::Visible(path) + ": " + why, kFailed);
}

int RunReport(const ReportFlags& flags) {
  audit::ReportOptions options = flags.options;
  options.made_us = std::chrono::duration_cast<std::chrono::microseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
  std::vector<std::string> files = flags.files;
  LeaveOutHeads(files);
  if (files.empty())
    return Complain("audit report: only .head files were named; name the files that hold the lines",
                    kUsage);
  const auto page = audit::MakeReport(files, options);
  if (!page) return Complain(page.error().sentence, kUsage);
  if (!flags.output.empty() && flags.output != "-") return WritePage(flags.output, *page);
  std::fwrite(page->data(), 1, page->size(), stdout);
  if (std::fflush(stdout) != 0) return Complain("standard output can't be written", kFailed);
  return kDone;
}

void AddReconcile(CLI::App& audit, int& status) {
  auto flags = std::make_shared<ReconcileFlags>();
  CLI::App* reconcile = audit.add_subcommand(
      "reconcile",
      "Hold the audits of both sites against each other: commands that one site saw and the other "
      "did not, or saw otherwise. Exit status 1 where there are differences");
  reconcile->add_option("FILES", flags->files, "CLIENT.jsonl SERVER.jsonl: one file of each site");
  reconcile
      ->add_option("--client", flags->options.client_files,
                   "a client agent's file; may be given several times, in any order")
      ->type_name("FILE")
      ->expected(1)
      ->take_all();
  reconcile->add_option("--server", flags->options.server_files, "a server agent's file, likewise")
      ->type_name("FILE")
      ->expected(1)
      ->take_all();
  const auto events = [reconcile](const char* name, std::string& value, const char* what) {
    reconcile->add_option(name, value, what)
        ->check(CLI::IsMember({"all", "writes", "denied", "none"}))
        ->type_name("EVENTS");
  };
  events("--client-events", flags->client_events,
         "\"events\" of the client agent's policy: all (the default), writes, denied or none");
  events("--server-events", flags->server_events, "\"events\" of the server agent's policy");
  reconcile
      ->add_option("--limit", flags->options.max_listed,
                   "list at most so many of each kind (default 100)")
      ->type_name("N");
  reconcile->add_flag("--all", flags->options.list_regular,
                      "list what is regular too, not only how often it was");
  reconcile->callback([flags, &status] { status = RunReconcile(*flags); });
}

}  // namespace

void AddAuditReports(CLI::App& audit, int& status) {
  AddReconcile(audit, status);
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* report = audit.add_subcommand(
      "report",
      "Make one self-contained HTML page of audit files: who did what, what was denied, "
      "what was slow, what is missing");
  report->add_option("FILE", flags->files, "audit files of one site or of both, in any order")
      ->required();
  report->add_option("-o,--output", flags->output, "write the page here (mode 0600), not to stdout")
      ->type_name("FILE");
  report->add_option("--title", flags->options.title, "the page's title")->type_name("TEXT");
  report->callback([flags, &status] { status = RunReport(*flags); });
}

}  // namespace redwall::cli
