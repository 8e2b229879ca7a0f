// The functions of a mobile flatbuffer file, and the slots of its objects.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lib/container/flatbuffer.h"
#include "lib/formats/script/bytecode.h"
#include "lib/model/builder.h"

namespace pthview {

// What a table of kind Function describes. nullopt when it takes more than the builder's text allows.
std::optional<bytecode::Function> ReadMobileFunction(const FlatBuffer& buffer, FlatTable function,
                                                     const FlatVector& values, ModelBuilder& builder);

// `root` is the value of the module itself. All must outlive it.
std::unique_ptr<bytecode::Slots> MobileSlots(const FlatVector& values, const FlatVector& types, uint32_t root);

}  // namespace pthview
