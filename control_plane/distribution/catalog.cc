#include "control_plane/distribution/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/hash/hash.h"
#include "common/protobuf/deterministic.h"
#include "common/result/assert.h"

namespace isopop::control {
namespace {

const v1::WorkerVersion& version_of(const Release& release, std::uint64_t number) {
  const auto found = std::find_if(release.versions.begin(), release.versions.end(),
                                  [number](const auto& it) { return it.number() == number; });
  ISOPOP_ASSERT(found != release.versions.end(), "a release to come with its versions");
  return *found;
}

v1::Assignment assignment_of(const std::string& worker, const Release& release) {
  v1::Assignment assignment;
  assignment.set_worker(worker);
  assignment.set_deployment(release.deployment.number());
  for (const v1::VersionShare& wanted : release.deployment.shares()) {
    v1::Share& share = *assignment.add_shares();
    *share.mutable_version() = version_of(release, wanted.number());
    share.set_weight(wanted.weight());
  }
  std::stable_sort(assignment.mutable_shares()->begin(), assignment.mutable_shares()->end(),
                   [](const v1::Share& a, const v1::Share& b) { return a.weight() > b.weight(); });
  if (release.deployment.has_stickiness()) {
    *assignment.mutable_stickiness() = release.deployment.stickiness();
  }
  return assignment;
}

std::shared_ptr<const v1::HeldVersion> as_held(const v1::Assignment& assignment) {
  const auto held = std::make_shared<v1::HeldVersion>();
  held->set_worker(assignment.worker());
  held->set_number(assignment.shares(0).version().number());
  held->set_bundle_sha256(assignment.shares(0).version().bundle_sha256());
  held->set_deployment(assignment.deployment());
  held->set_digest(assignment.digest());
  return held;
}

// A worker's release without shares would be one that no PoP can run.
Result<void> check(const std::optional<Release>& release) {
  if (!release || release->deployment.shares_size() > 0) return {};
  return invalid_argument(fmt::format("deployment {} of {} has no shares",
                                      release->deployment.number(), release->deployment.worker()));
}

}  // namespace

std::string digest_of(const v1::Assignment& assignment) {
  v1::Assignment bare = assignment;
  bare.clear_digest();
  bare.clear_trial();
  return sha256_hex(serialise_deterministically(bare));
}

WorkerIndex Catalog::index_of(const std::string& worker) {
  const auto [found, is_new] =
      indices_.try_emplace(worker, static_cast<WorkerIndex>(entries_.size()));
  if (is_new) entries_.push_back({.name = worker, .base = {}, .rolling = {}, .secrets = {}});
  return found->second;
}

std::optional<WorkerIndex> Catalog::find(const std::string& worker) const {
  const auto found = indices_.find(worker);
  if (found == indices_.end()) return std::nullopt;
  return found->second;
}

Result<void> Catalog::set(WorkerIndex worker, const std::optional<Release>& base,
                          const std::optional<Release>& rolling) {
  ISOPOP_TRY(check(base));
  ISOPOP_TRY(check(rolling));
  std::unique_ptr<Rolling> next;
  if (rolling) {
    ISOPOP_TRY_ASSIGN(Plan plan, Plan::parse(rolling->deployment.plan()));
    next = std::make_unique<Rolling>(
        Rolling{.line = {.release = *rolling, .made = {}}, .plan = std::move(plan)});
  }
  Entry& entry = entries_[worker];
  std::unique_ptr<Line> live;
  if (base) live = std::make_unique<Line>(Line{.release = *base, .made = {}});
  // What was known already was committed when it was made known first.
  for (Release* release : {next ? &next->line.release : nullptr, live ? &live->release : nullptr}) {
    if (release == nullptr) continue;
    for (const Release* known : {this->base(worker), this->rolling(worker)}) {
      if (known == nullptr || known->deployment.number() != release->deployment.number()) continue;
      release->committed_at = known->committed_at;
    }
  }
  entry.rolling = std::move(next);
  entry.base = std::move(live);
  if (base || rolling) {
    workers_.insert(worker);
  } else {
    workers_.erase(worker);
  }
  return {};
}

void Catalog::set_secrets(WorkerIndex worker, std::vector<ScopedSecret> secrets) {
  Entry& entry = entries_[worker];
  entry.secrets = std::move(secrets);
  std::stable_sort(entry.secrets.begin(), entry.secrets.end(),
                   [](const ScopedSecret& a, const ScopedSecret& b) { return a.name < b.name; });
  if (entry.base) entry.base->made.clear();
  if (entry.rolling) entry.rolling->line.made.clear();
}

DesiredRef Catalog::desired(WorkerIndex worker, const v1::PopIdentity& pop) const {
  const Entry& entry = entries_[worker];
  if (entry.rolling) {
    const Plan& plan = entry.rolling->plan;
    const std::size_t wave = plan.wave_of(pop);
    if (wave <= entry.rolling->line.release.deployment.wave()) {
      return assign(entry, entry.rolling->line, pop,
                    plan.is_trial(wave) ? Trial::kYes : Trial::kNo);
    }
  }
  return entry.base ? assign(entry, *entry.base, pop, Trial::kNo) : nullptr;
}

DesiredRef Catalog::assign(const Entry& entry, const Line& line, const v1::PopIdentity& pop,
                           Trial trial) const {
  std::string key = trial == Trial::kYes ? "trial " : "";
  const std::string* last_name = nullptr;
  std::vector<const ScopedSecret*> fitting;
  for (const ScopedSecret& secret : entry.secrets) {
    const bool is_named = last_name != nullptr && *last_name == secret.name;
    const bool fits = !is_named && secret.selector.matches(pop);
    key += fits ? '1' : '0';
    if (!fits) continue;
    last_name = &secret.name;
    fitting.push_back(&secret);
  }
  DesiredRef& made = line.made[key];
  if (made != nullptr) return made;
  const auto desired = std::make_shared<Desired>();
  desired->assignment = assignment_of(entry.name, line.release);
  for (const ScopedSecret* secret : fitting) {
    v1::Secret& entry_of_it = *desired->assignment.add_secrets();
    entry_of_it.set_name(secret->name);
    entry_of_it.set_value(secret->value);
  }
  desired->assignment.set_digest(digest_of(desired->assignment));
  desired->assignment.set_trial(trial == Trial::kYes);
  desired->held = as_held(desired->assignment);
  desired->committed_at = line.release.committed_at;
  made = desired;
  return made;
}

const Release* Catalog::base(WorkerIndex worker) const {
  const Entry& entry = entries_[worker];
  return entry.base ? &entry.base->release : nullptr;
}

const Release* Catalog::rolling(WorkerIndex worker) const {
  const Entry& entry = entries_[worker];
  return entry.rolling ? &entry.rolling->line.release : nullptr;
}

const Plan* Catalog::plan(WorkerIndex worker) const {
  const Entry& entry = entries_[worker];
  return entry.rolling ? &entry.rolling->plan : nullptr;
}

}  // namespace isopop::control
