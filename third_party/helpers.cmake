# Functions that find one dependency each and, where it is missing, name the Debian package that has it.
include_guard(GLOBAL)

function(pthview_missing what package)
  message(FATAL_ERROR "${what} was not found. It is in Debian's package ${package}; tools/bootstrap installs it.")
endfunction()

# A dependency with a CMake package of its own.
macro(pthview_find_package name package)
  find_package(${name} CONFIG QUIET)
  if(NOT ${name}_FOUND)
    pthview_missing(${name} ${package})
  endif()
endmacro()

# A static archive and its header, as an imported target that also hands out the header's folder.
function(pthview_static_library target archive header package)
  find_library(${target}_ARCHIVE ${archive})
  find_path(${target}_INCLUDE ${header})
  mark_as_advanced(${target}_ARCHIVE ${target}_INCLUDE)
  if(NOT ${target}_ARCHIVE OR NOT ${target}_INCLUDE)
    pthview_missing(${archive} ${package})
  endif()
  add_library(${target} STATIC IMPORTED GLOBAL)
  set_target_properties(
    ${target} PROPERTIES IMPORTED_LOCATION "${${target}_ARCHIVE}" INTERFACE_INCLUDE_DIRECTORIES
                                                                  "${${target}_INCLUDE}")
endfunction()

# A library that is headers only, as a target that hands out their folder.
function(pthview_headers target header package)
  find_path(${target}_INCLUDE ${header})
  mark_as_advanced(${target}_INCLUDE)
  if(NOT ${target}_INCLUDE)
    pthview_missing(${header} ${package})
  endif()
  add_library(${target} INTERFACE)
  target_include_directories(${target} SYSTEM INTERFACE ${${target}_INCLUDE})
endfunction()

# A file that tools/bootstrap unpacked from a pinned package.
function(pthview_deps_file variable path)
  if(NOT EXISTS "${PTHVIEW_DEPS_DIR}/${path}")
    message(FATAL_ERROR "${PTHVIEW_DEPS_DIR}/${path} is missing; run tools/bootstrap.")
  endif()
  set(${variable} "${PTHVIEW_DEPS_DIR}/${path}" PARENT_SCOPE)
endfunction()
