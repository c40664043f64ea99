#include "operator/local/workload/revisions.h"

#include <algorithm>

namespace natrix::workload {

namespace {

// What makes a revision: the template alone, as in Kubernetes.
Json revision_data(const Json& set) {
  return {{"spec", {{"template", member(set, {"spec", "template"})}}}};
}

std::string short_hash(const std::string& content) {
  static constexpr char kLetters[] = "bcdfghjklmnpqrstvwxz2456789";
  uint64_t hash = 14695981039346656037ULL;
  for (const char c : content) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211ULL;
  }
  std::string out;
  for (int i = 0; i < 10; ++i, hash /= sizeof(kLetters) - 1) {
    out += kLetters[hash % (sizeof(kLetters) - 1)];
  }
  return out;
}

std::vector<Json> owned_revisions(const Objects& objects, const Json& set) {
  std::vector<Json> all = objects.list(kControllerRevisions, ns_of(set));
  std::erase_if(all, [&](const Json& one) { return controller_uid(one) != uid_of(set); });
  std::sort(all.begin(), all.end(), [](const Json& a, const Json& b) {
    return integer(a, {"revision"}) < integer(b, {"revision"});
  });
  return all;
}

// Revisions of a StatefulSet of the same name that was deleted with its children kept.
void adopt_revisions(Objects& objects, const Json& set) {
  for (Json& one : objects.list(kControllerRevisions, ns_of(set))) {
    const bool ours = text(one, {"metadata", "labels", "natrix.dev/statefulset"}) == name_of(set);
    if (!ours || !controller_uid(one).empty() || deleting(one)) continue;
    one["metadata"]["ownerReferences"] = Json::array({controller_reference(set)});
    objects.update(kControllerRevisions, one);
  }
}

void prune_history(Objects& objects, const Json& set, const std::vector<Json>& pods,
                   const std::vector<Json>& history, const Revisions& used) {
  const auto in_use = [&](const Json& revision) {
    const std::string name = name_of(revision);
    if (name == name_of(used.current) || name == name_of(used.update)) return true;
    return std::any_of(pods.begin(), pods.end(), [&](const Json& pod) {
      return text(pod, {"metadata", "labels", "controller-revision-hash"}) == name;
    });
  };
  std::vector<Json> idle;
  for (const Json& revision : history) {
    if (!in_use(revision)) idle.push_back(revision);
  }
  const auto limit =
      static_cast<size_t>(std::max<int64_t>(0, integer(set, {"spec", "revisionHistoryLimit"}, 10)));
  for (size_t i = 0; i + limit < idle.size(); ++i) objects.remove(kControllerRevisions, idle[i]);
}

}  // namespace

std::optional<Revisions> find_revisions(Objects& objects, const Json& set,
                                        const std::vector<Json>& pods) {
  adopt_revisions(objects, set);
  std::vector<Json> history = owned_revisions(objects, set);
  const int64_t newest = history.empty() ? 0 : integer(history.back(), {"revision"});
  const Json data = revision_data(set);
  Revisions out;
  for (Json& revision : history) {
    if (member(revision, {"data"}) != data) continue;
    // Back to a template there was before: its record becomes the newest.
    if (integer(revision, {"revision"}) != newest) {
      revision["revision"] = newest + 1;
      objects.update(kControllerRevisions, revision);
    }
    out.update = revision;
  }
  if (out.update.is_null()) {
    const std::string name = name_of(set) + "-" + short_hash(data.dump());
    std::optional<Json> made = objects.create(
        kControllerRevisions, {{"metadata",
                                {{"name", name},
                                 {"namespace", ns_of(set)},
                                 {"labels", {{"natrix.dev/statefulset", name_of(set)}}},
                                 {"ownerReferences", Json::array({controller_reference(set)})}}},
                               {"data", data},
                               {"revision", newest + 1}});
    if (!made) return std::nullopt;
    out.update = *made;
    history.push_back(*made);
  }
  out.current = out.update;
  const std::string current = text(set, {"status", "currentRevision"});
  for (const Json& revision : history) {
    if (name_of(revision) == current) out.current = revision;
  }
  prune_history(objects, set, pods, history, out);
  return out;
}

}  // namespace natrix::workload
