# Compiles through ccache when it is installed and nobody chose another launcher.
include_guard(GLOBAL)

find_program(PTHVIEW_CCACHE ccache)
mark_as_advanced(PTHVIEW_CCACHE)
if(PTHVIEW_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${PTHVIEW_CCACHE}")
endif()
