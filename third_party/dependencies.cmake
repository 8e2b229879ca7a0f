# Finds every dependency and gives each one target (or variable) name; included once by the top-level CMakeLists.txt.
#
# Debian's static archives are taken where there are any: `pthview --version` has a few milliseconds, and each shared
# library costs the dynamic loader a good part of one. What each is for, and its pin, stands in README.md beside this
# file; `tools/bootstrap` installs them.
#
# Targets:    pthview_fmt nlohmann_json::nlohmann_json CLI11::CLI11 tl::expected Threads::Threads
#             pthview_zlib pthview_lzma pthview_bzip2 pthview_zstd pthview_crypto pthview_protobuf_lite pthview_httplib
#             pthview_highway pthview_eigen pthview_sqlite
#             pthview_graphviz pthview_cairo pthview_chafa
#             pthview_libtorch, where it is found (libtorch.cmake)
#             with BUILD_TESTING also GTest::gtest GTest::gtest_main GTest::gmock benchmark::benchmark
# Functions:  pthview_add_proto_library (protobuf.cmake)
# Variables:  PTHVIEW_ONNX_PROTO    path of ONNX's schema, onnx-ml.proto
#             PTHVIEW_NETRON_DIR    folder with Netron's index.html and its modules
#             PTHVIEW_TEST_PYTHON   interpreter with torch, onnx and the rest; empty when `tools/bootstrap --test` was
#                                   not run, and then tests that need it cannot be registered
#             PTHVIEW_NODE_MODULES  folder that holds playwright-core; empty in the same case
include_guard(GLOBAL)

set(PTHVIEW_DEPS_DIR "${PROJECT_SOURCE_DIR}/.deps" CACHE PATH "Where tools/bootstrap put what is not Debian's")

include("${CMAKE_CURRENT_LIST_DIR}/helpers.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/ccache.cmake")

find_package(Threads REQUIRED)
pthview_find_package(fmt libfmt-dev)
include("${CMAKE_CURRENT_LIST_DIR}/fmt.cmake")
pthview_find_package(nlohmann_json nlohmann-json3-dev)
pthview_find_package(CLI11 libcli11-dev)
pthview_find_package(tl-expected libexpected-dev)

# Headers only: Highway's choice of an instruction set at run time is in a shared library, and pthview makes its own
# (lib/analysis/statistics/kernels.cc).
pthview_headers(pthview_highway hwy/highway.h libhwy-dev)
pthview_headers(pthview_eigen eigen3/Eigen/Core libeigen3-dev)

pthview_static_library(pthview_zlib libz.a zlib.h zlib1g-dev)
pthview_static_library(pthview_lzma liblzma.a lzma.h liblzma-dev)
pthview_static_library(pthview_bzip2 libbz2.a bzlib.h libbz2-dev)
pthview_static_library(pthview_zstd libzstd.a zstd.h libzstd-dev)
pthview_static_library(pthview_crypto libcrypto.a openssl/evp.h libssl-dev)
target_link_libraries(pthview_crypto INTERFACE Threads::Threads ${CMAKE_DL_LIBS})
pthview_static_library(pthview_sqlite libsqlite3.a sqlite3.h libsqlite3-dev)
target_link_libraries(pthview_sqlite INTERFACE Threads::Threads ${CMAKE_DL_LIBS} pthview_zlib m)

include("${CMAKE_CURRENT_LIST_DIR}/protobuf.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/httplib.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/graphviz.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/libtorch.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/cairo.cmake")

if(BUILD_TESTING)
  pthview_find_package(GTest libgmock-dev)
  pthview_find_package(benchmark libbenchmark-dev)
endif()

pthview_deps_file(PTHVIEW_ONNX_PROTO onnx/onnx-ml.proto)
pthview_deps_file(PTHVIEW_NETRON_INDEX netron/index.html)
cmake_path(GET PTHVIEW_NETRON_INDEX PARENT_PATH PTHVIEW_NETRON_DIR)

set(PTHVIEW_TEST_PYTHON "")
if(EXISTS "${PTHVIEW_DEPS_DIR}/stamps/venv")
  set(PTHVIEW_TEST_PYTHON "${PTHVIEW_DEPS_DIR}/venv/bin/python")
endif()
set(PTHVIEW_NODE_MODULES "")
if(EXISTS "${PTHVIEW_DEPS_DIR}/stamps/npm")
  set(PTHVIEW_NODE_MODULES "${PTHVIEW_DEPS_DIR}/npm/node_modules")
endif()
