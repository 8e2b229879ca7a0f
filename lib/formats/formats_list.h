// The rows of the format table, each defined in the file of its name. To add a format: a row here and one in
// registry.cc.
#pragma once

#include "lib/formats/format.h"

namespace pthview {

extern const Format kTorchZip;
extern const Format kTorchLegacy;
extern const Format kTorchTar;
extern const Format kSafetensors;
extern const Format kNpy;
extern const Format kNpz;
extern const Format kSharded;
extern const Format kShardFolder;
extern const Format kTensorDict;
extern const Format kDcp;
extern const Format kDeepSpeed;
extern const Format kBarePickle;
extern const Format kGzip;
extern const Format kXz;
extern const Format kBzip2;
extern const Format kZstd;
extern const Format kZlib;
extern const Format kLzma;
extern const Format kTarBag;
extern const Format kZipBag;
extern const Format kTorchScript;
extern const Format kTorchScriptOld;
extern const Format kTorchScriptFirst;
extern const Format kMobileFlatbuffer;
extern const Format kTorchPackage;
extern const Format kPt2;
extern const Format kAnnotatedJson;

}  // namespace pthview
