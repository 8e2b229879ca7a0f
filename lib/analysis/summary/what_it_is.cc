#include "lib/analysis/summary/what_it_is.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "lib/analysis/summary/written_values.h"

namespace pthview {
namespace {

constexpr size_t kLongestValue = 40;
constexpr size_t kLongestKey = 20;

// "epoch 30, step 1200": values of these keys at the top of the file (or one level down), the first of each kind.
std::string Progress(const Model& model) {
  struct Kind {
    std::string_view word;
    std::string_view keys;  // between blanks, the better ones first
  };
  static constexpr Kind kKinds[] = {
      {"epoch", " epoch current_epoch last_epoch epoch_num "},
      {"step", " global_step global_steps step steps iteration iter iterations num_updates "},
  };
  std::string text;
  for (const Kind& kind : kKinds) {
    const PlainValue* found = nullptr;
    size_t best = std::string_view::npos;
    for (const PlainValue& plain : model.plain) {
      if (plain.kind != PlainKind::kInt || plain.text.size() > kLongestValue || plain.path.size() > kLongestKey)
        continue;
      if (plain.path.find_first_of(".[") != std::string_view::npos) continue;
      const size_t at = kind.keys.find(fmt::format(" {} ", plain.path));
      if (at < best) {
        best = at;
        found = &plain;
      }
    }
    if (found != nullptr) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", kind.word, found->text);
  }
  return text;
}

bool HasKey(const Model& model, std::string_view word) {
  return std::any_of(model.plain.begin(), model.plain.end(), [&](const PlainValue& plain) {
    return plain.path.size() < 2 * kLongestValue && plain.path.find(word) != std::string_view::npos;
  });
}

const Module* RecordedRoot(const Model& model, const Part& part) {
  if (part.root == kNone) return nullptr;
  const Module& root = model.modules[part.root];
  return root.origin == Origin::kRecorded && !root.class_name.empty() ? &root : nullptr;
}

// What the tensors of a state_dict show of where it comes from.
std::string_view Flavour(const Model& model, Index part) {
  const bool adapters = std::all_of(model.tensors.begin(), model.tensors.end(), [&](const Tensor& tensor) {
    return tensor.part != part || tensor.name.find("lora_") != std::string_view::npos;
  });
  return adapters ? " of LoRA adapters" : "";
}

// "model, optimizer and scheduler".
std::string Sections(const Model& model) {
  std::array<size_t, 5> counts{};
  for (const Part& part : model.parts) {
    if (!part.path.empty() || part.kind != PartKind::kOther) ++counts[static_cast<size_t>(part.kind)];
  }
  struct Name {
    PartKind kind;
    std::string_view one, many;
  };
  static constexpr Name kNames[] = {{PartKind::kModel, "a model", "models"},
                                    {PartKind::kEma, "a moving average of it", "moving averages"},
                                    {PartKind::kOptimizer, "an optimizer", "optimizers"},
                                    {PartKind::kScheduler, "a scheduler", "schedulers"}};
  std::vector<std::string> pieces;
  for (const Name& name : kNames) {
    const size_t count = counts[static_cast<size_t>(name.kind)];
    if (count == 1) pieces.emplace_back(name.one);
    if (count > 1) pieces.push_back(fmt::format("{} {}", count, name.many));
  }
  std::string text;
  for (size_t i = 0; i < pieces.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == pieces.size() ? " and " : ", ") + pieces[i];
  }
  return text;
}

std::string OfOnePart(const Model& model, Index index) {
  const Part& part = model.parts[index];
  if (const Module* root = RecordedRoot(model, part)) {
    const bool script = root->class_name.starts_with("__torch__");
    if (model.format == "pt2") return "an exported program (torch.export)";
    const std::string name = ClassInWords(root->class_name);
    return script ? fmt::format("a TorchScript program of class {}", name)
                  : fmt::format("a whole model of class {}", name);
  }
  switch (part.kind) {
    case PartKind::kOptimizer: return "the state of an optimizer";
    case PartKind::kScheduler: return "the state of a scheduler";
    case PartKind::kModel:
    case PartKind::kEma: break;
    case PartKind::kOther: return "tensors that are no model's by their names";
  }
  size_t tensors = 0;
  const Tensor* only = nullptr;
  for (const Tensor& tensor : model.tensors) {
    if (tensor.part != index) continue;
    only = &tensor;
    if (++tensors > 1) break;
  }
  if (tensors == 1 && only->name.empty()) return "one tensor";
  return fmt::format("a state_dict{}", Flavour(model, index));
}

}  // namespace

std::string ClassInWords(std::string_view class_name) {
  constexpr std::string_view kScript = "__torch__.";
  if (class_name.starts_with(kScript)) class_name.remove_prefix(kScript.size());
  const size_t dot = class_name.rfind('.');
  if (dot == std::string_view::npos) return std::string(class_name);
  std::string room;  // without TorchScript's "___torch_mangle_3"
  for (std::string_view rest = class_name.substr(0, dot); !rest.empty();) {
    std::string_view step = rest.substr(0, rest.find('.'));
    if (!step.starts_with("___torch_mangle_")) room.append(room.empty() ? "" : ".").append(step);
    rest.remove_prefix(std::min(rest.size(), step.size() + 1));
  }
  return room.empty() ? std::string(class_name.substr(dot + 1))
                      : fmt::format("{} ({})", class_name.substr(dot + 1), room);
}

std::string WhatItIs(const Model& model, bool brief) {
  std::vector<Index> parts;  // those that hold tensors, or modules
  std::vector<size_t> tensors(model.parts.size());
  for (const Tensor& tensor : model.tensors) {
    if (tensor.part != kNone) ++tensors[tensor.part];
  }
  bool training = false;
  for (size_t p = 0; p < model.parts.size(); ++p) {
    const PartKind kind = model.parts[p].kind;
    training = training || kind == PartKind::kOptimizer || kind == PartKind::kScheduler;
    if (tensors[p] > 0 || model.parts[p].root != kNone) parts.push_back(static_cast<Index>(p));
  }
  const std::string progress = Progress(model);
  if (parts.empty()) {
    if (training) return "the state of an optimizer or scheduler, without tensors";
    return model.plain.empty() ? "nothing: no tensors and no values" : "plain values, no tensors";
  }
  const Index first =
      *std::find_if(parts.begin(), parts.end() - 1, [&](Index p) { return model.parts[p].kind == PartKind::kModel; });
  const bool whole_file = model.parts[first].path.empty();
  if (parts.size() == 1 && !training && (whole_file || progress.empty())) {
    std::string what = OfOnePart(model, first);
    return whole_file ? what : fmt::format("{}, under '{}'", what, model.parts[first].path);
  }
  if (model.parts[first].kind != PartKind::kModel && parts.size() == 1) return OfOnePart(model, first);
  const std::string_view maker = HasKey(model, "pytorch-lightning_version") ? "Lightning " : "";
  std::string what = fmt::format("a {}{}checkpoint{}{}", maker, training || !progress.empty() ? "training " : "",
                                 progress.empty() ? "" : " at ", progress);
  if (brief) return what;
  const std::string sections = Sections(model);
  if (!sections.empty()) what += fmt::format(", with {}", sections);
  if (const Module* root = RecordedRoot(model, model.parts[first])) {
    what += fmt::format("; the model is saved whole, of class {}", ClassInWords(root->class_name));
  }
  return what;
}

}  // namespace pthview
