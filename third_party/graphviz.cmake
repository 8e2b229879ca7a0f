# Debian's Graphviz, which exists only as shared libraries: only pthview-dot links it.
include_guard(GLOBAL)

find_library(PTHVIEW_GVC_LIBRARY gvc)
find_library(PTHVIEW_CGRAPH_LIBRARY cgraph)
find_path(PTHVIEW_GRAPHVIZ_INCLUDE gvc.h PATH_SUFFIXES graphviz)
mark_as_advanced(PTHVIEW_GVC_LIBRARY PTHVIEW_CGRAPH_LIBRARY PTHVIEW_GRAPHVIZ_INCLUDE)
if(NOT PTHVIEW_GVC_LIBRARY OR NOT PTHVIEW_CGRAPH_LIBRARY OR NOT PTHVIEW_GRAPHVIZ_INCLUDE)
  pthview_missing(graphviz libgraphviz-dev)
endif()

add_library(pthview_graphviz INTERFACE)
target_include_directories(pthview_graphviz SYSTEM INTERFACE "${PTHVIEW_GRAPHVIZ_INCLUDE}")
target_link_libraries(pthview_graphviz INTERFACE "${PTHVIEW_GVC_LIBRARY}" "${PTHVIEW_CGRAPH_LIBRARY}")
