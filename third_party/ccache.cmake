# Compiles through ccache when it is installed and nobody chose another launcher. Paths are taken relative to the
# checkout, so that a second clone finds what the first one compiled.
include_guard(GLOBAL)

find_program(PTHVIEW_CCACHE ccache)
mark_as_advanced(PTHVIEW_CCACHE)
if(PTHVIEW_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${PTHVIEW_CCACHE}")
endif()
