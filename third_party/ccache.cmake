# Compiles through ccache when it is installed and nobody chose another launcher. Paths are taken relative to the
# checkout, so that a second clone finds what the first one compiled.
include_guard(GLOBAL)

find_program(PTHVIEW_CCACHE ccache)
mark_as_advanced(PTHVIEW_CCACHE)
if(PTHVIEW_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1
                                  CCACHE_SLOPPINESS=pch_defines,time_macros "${PTHVIEW_CCACHE}")
endif()
# So that ccache knows what stands in a precompiled header, and finds it unchanged.
if(PTHVIEW_CCACHE AND PTHVIEW_PCH)
  add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>"
                      "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:SHELL:-Xclang -fno-pch-timestamp>")
endif()
