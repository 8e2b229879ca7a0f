// What looks unwell in one tensor, and what the optimizer does with it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "lib/base/result.h"
#include "lib/model/model.h"

namespace pthview::server {

// `{"warnings": [{"code", "why", "meaning"}], "update": {"kind", "gradient", "noise", "update", "weight", "ratio",
// "learning_rate"} or null}`; figures that the file has not are "NaN". kNotFound when there is no such tensor; else the
// errors of reading.
Result<std::string> HealthJson(const Model& model, uint64_t index, const std::atomic<bool>* cancelled = nullptr);

}  // namespace pthview::server
