// audit verify. (audit reconcile and audit report: audit_reports.cc)
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "crypto/key_file.h"
#include "gateway/audit/verify.h"
#include "gateway/audit/visible.h"
#include "gateway/cli/commands.h"

namespace redwall::cli {
namespace {

constexpr std::string_view kHeadSuffix = ".head";
constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr std::uint64_t kMaxShown = 20;  // findings of a kind

struct Options {
  std::vector<std::string> keys;
  std::vector<std::string> files;
  bool complete = false;
};

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

// Stays open from the first look to the end, so that an agent that rotates meanwhile does no harm.
struct AuditFile {
  std::string name;
  File file;
  std::uint64_t first = UINT64_MAX;  // its place among the others; an empty file is the last one
};

std::string Unreadable(const std::string& name, int code) {
  if (code == EINVAL) return name + " can't be read: it is no regular file";
  return audit::Visible(name) + " can't be read: " + std::strerror(code);
}

// Null and errno where that fails. Only regular files: a pipe that somebody put here would make it
// wait for ever.
File Open(const std::string& name) {
  const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return {};
  struct stat info {};
  const bool known = ::fstat(fd, &info) == 0;
  if (known && S_ISREG(info.st_mode)) return File(::fdopen(fd, "rb"));
  ::close(fd);
  errno = known && S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
  return {};
}

// What an agent moved out of its way: "FILE.20261123T013458Z-foreign".
bool IsSetAside(const std::string& name) {
  constexpr std::string_view kForeign = "Z-foreign";
  const std::size_t at = name.rfind(kForeign);
  return at != name.npos && name.find_first_not_of('x', at + kForeign.size()) == name.npos;
}

class Verify {
 public:
  explicit Verify(const Options& options) : options_(options) {}

  int Run() {
    std::vector<crypto::PublicKey> keys;
    for (const std::string& text : options_.keys) {
      const auto key = crypto::ParsePublicKey(text);
      if (!key) return Complain("--key: " + key.error().sentence, kUsage);
      keys.push_back(*key);
    }
    audit::Verifier verifier({std::move(keys), options_.complete},
                             [this](const audit::Finding& finding) { Show(finding); });
    if (!OpenAll(verifier)) return Complain(trouble_, kUsage);
    for (const AuditFile& file : files_)
      if (!Read(file, verifier)) return Complain(trouble_, kUsage);
    const audit::Verifier::Summary summary = verifier.Finish();
    Conclude(summary);
    return summary.wrong == 0 ? kDone : kFailed;
  }

 private:
  // Heads first: what an agent writes from now on can only be more than they say.
  bool OpenAll(audit::Verifier& verifier) {
    std::vector<std::string> names = options_.files, heads;
    for (const std::string& name : options_.files)
      if (!name.ends_with(kHeadSuffix)) heads.push_back(name + std::string(kHeadSuffix));
    const auto head = [](const std::string& name) { return name.ends_with(kHeadSuffix); };
    std::copy_if(names.begin(), names.end(), std::back_inserter(heads), head);
    std::erase_if(names, head);
    SkipSetAside(names);
    for (const std::string& name : skipped_) std::erase(heads, name + std::string(kHeadSuffix));
    std::sort(heads.begin(), heads.end());
    heads.erase(std::unique(heads.begin(), heads.end()), heads.end());
    for (const std::string& name : heads)
      if (!ReadHead(name, verifier)) return false;
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (const std::string& name : names)
      if (!OpenFile(name)) return false;
    if (files_.empty()) {
      trouble_ = "only .head files were named; name the files that hold the lines, too";
      return false;
    }
    std::stable_sort(files_.begin(), files_.end(),
                     [](const AuditFile& a, const AuditFile& b) { return a.first < b.first; });
    return true;
  }

  // `server.jsonl*` names them, too. Where nothing else is named, they are what is asked for.
  void SkipSetAside(std::vector<std::string>& names) {
    std::copy_if(names.begin(), names.end(), std::back_inserter(skipped_), IsSetAside);
    if (skipped_.size() == names.size()) skipped_.clear();
    for (const std::string& name : skipped_) {
      std::erase(names, name);
      Show({audit::Finding::Kind::kNote, name, 0,
            "not looked at: by its name the agent put it aside, since it holds nothing of the "
            "chain"});
    }
  }

  bool ReadHead(const std::string& name, audit::Verifier& verifier) {
    const File file = Open(name);
    const bool named =
        std::find(options_.files.begin(), options_.files.end(), name) != options_.files.end();
    if (!file && errno == ENOENT && !named) return true;
    std::string text(4096, '\0');
    if (file) text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    if (!file || std::ferror(file.get()) != 0) {
      trouble_ = Unreadable(name, errno);
      return false;
    }
    verifier.AddHead(name, text);
    return true;
  }

  bool OpenFile(const std::string& name) {
    AuditFile audit{name, Open(name)};
    std::string start(kPieceBytes, '\0');
    if (audit.file) start.resize(std::fread(start.data(), 1, start.size(), audit.file.get()));
    if (!audit.file || std::ferror(audit.file.get()) != 0 ||
        std::fseek(audit.file.get(), 0, SEEK_SET) != 0) {
      trouble_ = Unreadable(name, errno);
      return false;
    }
    audit.first = audit::FirstSeq(start).value_or(UINT64_MAX);
    files_.push_back(std::move(audit));
    return true;
  }

  bool Read(const AuditFile& audit, audit::Verifier& verifier) {
    std::string piece(kPieceBytes, '\0');
    bool whole = true;  // what was read ends with a line's end
    int patience = 20;
    verifier.BeginFile(audit.name);
    for (;;) {
      const std::size_t size = std::fread(piece.data(), 1, piece.size(), audit.file.get());
      if (size > 0) {
        verifier.Feed(std::string_view(piece).substr(0, size));
        whole = piece[size - 1] == '\n';
        continue;
      }
      if (std::ferror(audit.file.get()) != 0) break;
      if (whole || patience-- == 0) break;
      // Perhaps the agent is just writing the rest.
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      std::clearerr(audit.file.get());
    }
    verifier.EndFile();
    if (std::ferror(audit.file.get()) == 0) return true;
    trouble_ = Unreadable(audit.name, errno);
    return false;
  }

  void Show(const audit::Finding& finding) {
    const bool wrong = finding.kind == audit::Finding::Kind::kWrong;
    if (++(wrong ? wrongs_ : notes_) > kMaxShown) return;
    std::string place = audit::Visible(finding.file);
    if (finding.line > 0) place += ", line " + std::to_string(finding.line);
    if (!place.empty()) place += ": ";
    std::printf("%s  %s%s\n", wrong ? "WRONG" : "note ", place.c_str(),
                audit::Visible(finding.sentence).c_str());
  }

  void Conclude(const audit::Verifier::Summary& summary) const {
    if (wrongs_ > kMaxShown || notes_ > kMaxShown)
      std::printf(
          "(%llu places that are wrong and %llu notes; the first %llu of a kind are shown)\n",
          static_cast<unsigned long long>(wrongs_), static_cast<unsigned long long>(notes_),
          static_cast<unsigned long long>(kMaxShown));
    std::printf("%llu lines", static_cast<unsigned long long>(summary.lines));
    if (summary.lines > 0)
      std::printf(" (numbers %llu to %llu)", static_cast<unsigned long long>(summary.first),
                  static_cast<unsigned long long>(summary.last));
    std::printf(" in %zu %s, %llu %s\n", files_.size(), files_.size() == 1 ? "file" : "files",
                static_cast<unsigned long long>(summary.checkpoints),
                summary.checkpoints == 1 ? "checkpoint" : "checkpoints");
    if (summary.wrong > 0) {
      std::printf("NOT as it was written: %llu %s wrong; the first is where to look\n",
                  static_cast<unsigned long long>(summary.wrong),
                  summary.wrong == 1 ? "thing is" : "things are");
      return;
    }
    std::printf(
        "Nothing is wrong: these lines are as they were written, in their order, and none "
        "between them is missing\n");
    Vouch(summary);
  }

  void Vouch(const audit::Verifier::Summary& summary) const {
    if (summary.signed_to == 0) {
      std::printf(
          "They are not signed: who can write these files could have made all of them "
          "anew\n");
      return;
    }
    std::printf("Signed up to number %llu", static_cast<unsigned long long>(summary.signed_to));
    if (summary.signed_to < summary.last)
      std::printf(" (the last %llu not yet)",
                  static_cast<unsigned long long>(summary.last - summary.signed_to));
    if (summary.unvouched > 0)
      std::printf(", but for %llu lines that nobody vouches for (see the notes)",
                  static_cast<unsigned long long>(summary.unvouched));
    if (!options_.keys.empty()) {
      std::printf(", by %s\n", options_.keys.size() == 1 ? "the key that was given"
                                                         : "the keys that were given");
      return;
    }
    std::printf(
        " by the key %s.\nThat proves only that one key signed all of it. Is it the agent's? "
        "Get the agent's key from where\nyou trust it (redwall pubkey FILE), and name it with "
        "--key\n",
        crypto::FormatPublicKey(*summary.key).c_str());
  }

  const Options& options_;
  std::vector<AuditFile> files_;
  std::vector<std::string> skipped_;
  std::string trouble_;
  std::uint64_t wrongs_ = 0;
  std::uint64_t notes_ = 0;
};

// All files are open at once, and there may be years of them.
void AllowManyFiles() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

void AddAuditCommands(CLI::App& app, int& status) {
  CLI::App* audit = app.add_subcommand("audit", "Work with audit files");
  audit->require_subcommand(1);

  auto options = std::make_shared<Options>();
  CLI::App* verify = audit->add_subcommand(
      "verify",
      "Say whether the lines of an audit are as they were written, and where they are not");
  verify
      ->add_option("FILE", options->files,
                   "the files of one agent's audit, rotated ones too, in any order: server.jsonl*")
      ->required();
  verify
      ->add_option("--key", options->keys,
                   "the public key that all signatures must be by; may be given several times")
      ->take_all()
      ->allow_extra_args(false);
  verify->add_flag("--complete", options->complete,
                   "the lines must begin with number 1, the first that the agent ever wrote");
  verify->footer(
      "Exit status: 0 nothing is wrong, 1 something is, 2 bad usage or a file that can't be read.");
  verify->callback([options, &status] {
    AllowManyFiles();
    status = Verify(*options).Run();
  });
  AddAuditReports(*audit, status);
}

}  // namespace redwall::cli
