# LibTorch, for pthview-plugin-torchscript alone: the torch wheel of the tests' Python packages, or any LibTorch that
# CMAKE_PREFIX_PATH names. find_package(Torch) is not used: it asks for CUDA where the wheel was built with it, and the
# plug-in needs the two libraries below and no more.
#
# Target:    pthview_libtorch      there only when PTHVIEW_TORCHSCRIPT is on and LibTorch was found
# Variable:  PTHVIEW_LIBTORCH_LIB  the folder of its libraries
option(PTHVIEW_TORCHSCRIPT "Build the plug-in for the graphs of TorchScript archives, where LibTorch is found" ON)
set(PTHVIEW_LIBTORCH_LIB "")
if(NOT PTHVIEW_TORCHSCRIPT)
  message(STATUS "TorchScript graphs: left out (PTHVIEW_TORCHSCRIPT=OFF)")
  return()
endif()

if(PTHVIEW_SANITIZE OR PTHVIEW_FUZZ)
  message(STATUS "TorchScript graphs: left out, LibTorch does not bear the sanitizers")
  return()
endif()

file(GLOB wheels "${PTHVIEW_DEPS_DIR}/venv/lib/python3*/site-packages/torch")
find_path(PTHVIEW_LIBTORCH_INCLUDE torch/csrc/jit/serialization/import_source.h PATHS ${wheels} PATH_SUFFIXES include)
find_library(PTHVIEW_LIBTORCH_CPU torch_cpu PATHS ${wheels} PATH_SUFFIXES lib)
find_library(PTHVIEW_LIBTORCH_C10 c10 PATHS ${wheels} PATH_SUFFIXES lib)
mark_as_advanced(PTHVIEW_LIBTORCH_INCLUDE PTHVIEW_LIBTORCH_CPU PTHVIEW_LIBTORCH_C10)
if(NOT PTHVIEW_LIBTORCH_INCLUDE OR NOT PTHVIEW_LIBTORCH_CPU OR NOT PTHVIEW_LIBTORCH_C10)
  message(STATUS "TorchScript graphs: left out, no LibTorch (`tools/bootstrap --test` installs one, or point "
                 "CMAKE_PREFIX_PATH to yours)")
  return()
endif()

cmake_path(GET PTHVIEW_LIBTORCH_CPU PARENT_PATH PTHVIEW_LIBTORCH_LIB)
message(STATUS "TorchScript graphs: with ${PTHVIEW_LIBTORCH_CPU}")
add_library(pthview_libtorch INTERFACE)
# Behind the system's headers: the wheel also holds those of an older protobuf.
target_compile_options(pthview_libtorch INTERFACE "SHELL:-idirafter ${PTHVIEW_LIBTORCH_INCLUDE}")
target_link_libraries(pthview_libtorch INTERFACE "${PTHVIEW_LIBTORCH_CPU}" "${PTHVIEW_LIBTORCH_C10}")
