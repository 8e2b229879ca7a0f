#include "tools/cli/named_tensors.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/analysis/names/name_lookup.h"
#include "tools/cli/selection.h"

namespace pthview {

Result<NamedTensors> FindNamedTensors(const Model& model, const Arguments& arguments) {
  PTHVIEW_ASSIGN(const Narrowing narrowing, Narrowing::Of(model, arguments));
  NamedTensors named;
  std::vector<bool> taken(model.tensors.size());
  for (size_t i = 1; i < arguments.files.size(); ++i) {
    Lookup lookup = FindByName(model, arguments.files[i],
                               {.tensors = [&](const Tensor& tensor) { return narrowing.Has(tensor); },
                                .plain = [](const PlainValue&) { return false; }});
    if (lookup.tensors.empty()) {
      std::string hint;
      for (const std::string& near : SuggestNames(model, arguments.files[i])) {
        hint += fmt::format("{}'{}'", hint.empty() ? "did you mean " : " or ", near);
      }
      return Error{.code = ErrorCode::kNotFound,
                   .message = fmt::format("no tensor in it is called '{}'", arguments.files[i]),
                   .file = model.file,
                   .hint = hint.empty() ? hint : hint + "?"};
    }
    if (!lookup.explanation.empty()) named.notes.push_back(lookup.explanation);
    for (Index t : lookup.tensors) {
      if (!taken[t]) named.tensors.push_back(t);
      taken[t] = true;
    }
  }
  std::ranges::sort(named.tensors);
  return named;
}

}  // namespace pthview
