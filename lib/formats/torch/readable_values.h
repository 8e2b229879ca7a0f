// Objects of Python's own library, of NumPy and of OmegaConf that stand for one value, as a person would write it.
// Nothing is made or called: what a class would do with its arguments is known for those in a table.
#pragma once

#include <string>

#include "lib/formats/torch/torch_globals.h"
#include "lib/pickle/value.h"

namespace pthview {

// "2026-03-04 05:06:07", "runs/1/model.pt", "SchedulerType('linear')" (an enum, or anything else that is made of one
// plain value), "Colour.RED". Escaped form; empty when the object is none of these.
// Source: Lib/datetime.py, uuid.py, pathlib.py, enum.py (their __reduce__).
std::string ReadableText(const pickle::Tree& tree, const std::vector<GlobalMeaning>& meanings, pickle::Value object);

// What a node of OmegaConf holds: the dict or list of a DictConfig or ListConfig, the value of an AnyNode and its like.
// Any other value is itself. Source: omegaconf/base.py, nodes.py.
pickle::Value WithoutConfigNodes(const pickle::Tree& tree, pickle::Value value);

}  // namespace pthview
