# Debian's cairo and chafa, which exist only as shared libraries: only pthview-draw links them.
include_guard(GLOBAL)

find_library(PTHVIEW_CAIRO_LIBRARY cairo)
find_path(PTHVIEW_CAIRO_INCLUDE cairo.h PATH_SUFFIXES cairo)
mark_as_advanced(PTHVIEW_CAIRO_LIBRARY PTHVIEW_CAIRO_INCLUDE)
if(NOT PTHVIEW_CAIRO_LIBRARY OR NOT PTHVIEW_CAIRO_INCLUDE)
  pthview_missing(cairo libcairo2-dev)
endif()
add_library(pthview_cairo INTERFACE)
target_include_directories(pthview_cairo SYSTEM INTERFACE "${PTHVIEW_CAIRO_INCLUDE}")
target_link_libraries(pthview_cairo INTERFACE "${PTHVIEW_CAIRO_LIBRARY}")

# chafa's headers are those of GLib too, and one of GLib's stands beside its library.
find_library(PTHVIEW_CHAFA_LIBRARY chafa)
find_library(PTHVIEW_GLIB_LIBRARY glib-2.0)
find_path(PTHVIEW_CHAFA_INCLUDE chafa.h PATH_SUFFIXES chafa)
find_path(PTHVIEW_CHAFA_CONFIG chafaconfig.h PATHS ${CMAKE_SYSTEM_LIBRARY_PATH} /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}
          PATH_SUFFIXES chafa/include)
find_path(PTHVIEW_GLIB_INCLUDE glib.h PATH_SUFFIXES glib-2.0)
find_path(PTHVIEW_GLIB_CONFIG glibconfig.h PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE} PATH_SUFFIXES glib-2.0/include)
mark_as_advanced(PTHVIEW_CHAFA_LIBRARY PTHVIEW_GLIB_LIBRARY PTHVIEW_CHAFA_INCLUDE PTHVIEW_CHAFA_CONFIG
                 PTHVIEW_GLIB_INCLUDE PTHVIEW_GLIB_CONFIG)
if(NOT PTHVIEW_CHAFA_LIBRARY OR NOT PTHVIEW_CHAFA_INCLUDE OR NOT PTHVIEW_CHAFA_CONFIG)
  pthview_missing(chafa libchafa-dev)
endif()
if(NOT PTHVIEW_GLIB_LIBRARY OR NOT PTHVIEW_GLIB_INCLUDE OR NOT PTHVIEW_GLIB_CONFIG)
  pthview_missing(GLib libglib2.0-dev)
endif()
add_library(pthview_chafa INTERFACE)
target_include_directories(
  pthview_chafa SYSTEM INTERFACE "${PTHVIEW_CHAFA_INCLUDE}" "${PTHVIEW_CHAFA_CONFIG}" "${PTHVIEW_GLIB_INCLUDE}"
                                 "${PTHVIEW_GLIB_CONFIG}")
target_link_libraries(pthview_chafa INTERFACE "${PTHVIEW_CHAFA_LIBRARY}" "${PTHVIEW_GLIB_LIBRARY}")
