# protobuf's compiler and its lite runtime (messages without reflection: a tenth of the full runtime's code).
include_guard(GLOBAL)

pthview_static_library(pthview_protobuf_lite libprotobuf-lite.a google/protobuf/message_lite.h libprotobuf-dev)
target_link_libraries(pthview_protobuf_lite INTERFACE Threads::Threads)

find_program(PTHVIEW_PROTOC protoc)
mark_as_advanced(PTHVIEW_PROTOC)
if(NOT PTHVIEW_PROTOC)
  pthview_missing(protoc protobuf-compiler)
endif()

# pthview_add_proto_library(TARGET PROTO): a static library of the messages in PROTO, generated for the lite runtime.
# Includes name the file alone: `#include "onnx-ml.pb.h"`.
function(pthview_add_proto_library target proto)
  cmake_path(GET proto STEM name)
  cmake_path(GET proto PARENT_PATH folder)
  set(out "${CMAKE_CURRENT_BINARY_DIR}/${target}_generated")
  file(MAKE_DIRECTORY "${out}")
  add_custom_command(
    OUTPUT "${out}/${name}.pb.cc" "${out}/${name}.pb.h"
    COMMAND "${PTHVIEW_PROTOC}" "--proto_path=${folder}" "--cpp_out=lite:${out}" "${proto}"
    DEPENDS "${proto}"
    COMMENT "Generating ${name}.pb.cc"
    VERBATIM)
  add_library(${target} STATIC "${out}/${name}.pb.cc" "${out}/${name}.pb.h")
  # Generated code is not held to this project's warnings or checks.
  set_target_properties(${target} PROPERTIES CXX_CLANG_TIDY "" EXPORT_COMPILE_COMMANDS OFF)
  target_compile_options(${target} PRIVATE -w)
  target_include_directories(${target} SYSTEM PUBLIC "${out}")
  target_link_libraries(${target} PUBLIC pthview_protobuf_lite)
endfunction()
