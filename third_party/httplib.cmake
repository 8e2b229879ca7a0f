# Debian's compiled cpp-httplib. It exists only as a shared library, so only pthview-serve and pthview-fetch
# link it.
include_guard(GLOBAL)

find_library(PTHVIEW_HTTPLIB_LIBRARY cpp-httplib)
find_path(PTHVIEW_HTTPLIB_INCLUDE httplib.h)
mark_as_advanced(PTHVIEW_HTTPLIB_LIBRARY PTHVIEW_HTTPLIB_INCLUDE)
if(NOT PTHVIEW_HTTPLIB_LIBRARY OR NOT PTHVIEW_HTTPLIB_INCLUDE)
  pthview_missing(cpp-httplib libcpp-httplib-dev)
endif()

add_library(pthview_httplib SHARED IMPORTED GLOBAL)
set_target_properties(
  pthview_httplib PROPERTIES IMPORTED_LOCATION "${PTHVIEW_HTTPLIB_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                            "${PTHVIEW_HTTPLIB_INCLUDE}")
# The switches that Debian compiled the library with; without them the classes have other members than it thinks.
target_compile_definitions(pthview_httplib INTERFACE CPPHTTPLIB_OPENSSL_SUPPORT CPPHTTPLIB_ZLIB_SUPPORT
                                                     CPPHTTPLIB_BROTLI_SUPPORT)
target_link_libraries(pthview_httplib INTERFACE Threads::Threads)
