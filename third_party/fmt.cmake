# pthview_fmt: fmt as a static library, from the headers of libfmt-dev.
add_library(pthview_fmt STATIC ${CMAKE_CURRENT_LIST_DIR}/fmt_library.cc)
target_include_directories(pthview_fmt SYSTEM PUBLIC $<TARGET_PROPERTY:fmt::fmt,INTERFACE_INCLUDE_DIRECTORIES>)
