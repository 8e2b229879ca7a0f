set(links pthview_tools_archive)
