// What a Verifier can tell only at the end: where the audit begins, where it ends, who vouches.
#include <string>

#include "gateway/audit/verify.h"

namespace redwall::audit {

Verifier::Summary Verifier::Finish() {
  if (unreadable_) Wrong(unreadable_->place, unreadable_->sentence);
  if (last_.seq == 0) {
    Wrong({}, "there is no line that could be read");
  } else {
    FinishBeginning();
  }
  for (HeadFile& file : heads_) FinishHead(file);
  if (last_.seq != 0) {
    FinishEnd();
    FinishSignatures();
  }
  summary_.last = last_.seq;
  summary_.checkpoints = signatures_.checkpoints();
  summary_.signed_to = signatures_.signed_to();
  summary_.key = signatures_.key();
  return summary_;
}

void Verifier::FinishBeginning() {
  if (summary_.first == 1) return;
  const std::string begin = "the lines begin with number " + std::to_string(summary_.first) + "; ";
  if (options_.complete) {
    Wrong({}, begin + "with --complete all from number 1 on must be there");
  } else if (removed_to_ + 1 >= summary_.first) {
    Note({}, begin +
                 "the agent itself removed the older ones, as its configuration says (\"keep\"), "
                 "and recorded it");
  } else {
    Note({}, begin +
                 "whether the older ones were removed rightly can't be told from these files (with "
                 "--complete that is an error)");
  }
}

void Verifier::FinishHead(HeadFile& file) {
  const Place place{file.name, 0};
  const std::uint64_t end = file.head.end.seq;
  if (auto wrong = signatures_.AddHead(file.head, file.seen)) Wrong(place, *wrong);
  if (end > last_.seq) {
    Wrong(last_place_, "the end is missing: the lines end with number " +
                           std::to_string(last_.seq) + ", but by " + file.name +
                           " the agent had written " + std::to_string(end) +
                           ". They were cut off, or are in a file that isn't here");
    return;
  }
  if (last_.seq == 0) return;
  if (stopped_ && (end != last_.seq || !file.head.closed)) {
    Wrong(place, "this file is older than the lines: it names number " + std::to_string(end) +
                     " as the last one, but the agent stopped as it should at number " +
                     std::to_string(last_.seq) +
                     " and then brings this file up to date. It was replaced by an older one");
  } else if (end < last_.seq) {
    Note(place, std::to_string(last_.seq - end) +
                    " lines were written after this file, as is usual while the agent runs");
  } else if (!file.head.closed) {
    Note(place, "the agent runs, or was killed: it hasn't recorded a stop");
  }
}

void Verifier::FinishEnd() {
  if (!goes_on_in_.empty()) {
    Note(last_place_, "the audit goes on in " + goes_on_in_ + ", which isn't among these files");
  } else if (const auto rotated = RotatedSeq(last_place_.file); rotated && heads_.empty()) {
    Wrong(last_place_,
          "the end of this file is missing: the agent ends a file that it puts aside "
          "with the event \"rotated\", here at number " +
              std::to_string(*rotated) +
              " by the file's name, but the last line is "
              "number " +
              std::to_string(last_.seq));
  } else if (heads_.empty() && (options_.complete || signatures_.trusting())) {
    Wrong(last_place_, "no file " + last_place_.file +
                           ".head is there, which says where the audit ends: it was removed, and "
                           "lines may have been cut off with it");
  } else if (heads_.empty()) {
    Note(last_place_, "no file " + last_place_.file +
                          ".head is there, which says where the audit ends: lines that were cut "
                          "off at the end can't be noticed");
  }
}

void Verifier::FinishSignatures() {
  if (auto wrong = signatures_.CheckEnd(last_.seq, stopped_)) Wrong(last_place_, *wrong);
}

}  // namespace redwall::audit
