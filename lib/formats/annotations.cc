#include "lib/formats/annotations.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "lib/base/named_source.h"

namespace pthview {

std::string AnnotationsOf(const std::string& path) { return path + ".json"; }

Result<Model> OpenWithAnnotations(const std::string& path, const OpenOptions& options) {
  auto model = OpenModel(path, options);
  if (!model || model->format != "safetensors" || IsUrl(path) || path == kStandardInput) return model;
  std::error_code ignored;
  const std::string beside = AnnotationsOf(path);
  if (!std::filesystem::is_regular_file(beside, ignored)) return model;
  auto annotated = OpenModel(beside, options);
  if (!annotated || annotated->format != "pthview-json") return model;
  // The only file that it takes values from must be this one.
  if (annotated->sources.size() != 1 || annotated->sources[0]->size() != model->sources[0]->size()) return model;
  if (!std::filesystem::equivalent(annotated->sources[0]->name(), path, ignored)) return model;
  annotated->findings.insert(annotated->findings.begin(),
                             {Severity::kInfo, "annotations", "", "read together with " + beside});
  return annotated;
}

}  // namespace pthview
