#include "operator/resource/builders.h"
#include "operator/resource/names.h"

namespace natrix::resource {

Json object_head(const model::Cluster& cluster, const char* api_version, const char* kind,
                 const std::string& name) {
  return {{"apiVersion", api_version},
          {"kind", kind},
          {"metadata",
           {{"name", name},
            {"namespace", cluster.ns},
            {"labels", common_labels(cluster)},
            {"ownerReferences", Json::array({{{"apiVersion", model::kApiVersion},
                                              {"kind", model::kKind},
                                              {"name", cluster.name},
                                              {"uid", cluster.uid},
                                              {"controller", true},
                                              {"blockOwnerDeletion", true}}})}}}};
}

}  // namespace natrix::resource
