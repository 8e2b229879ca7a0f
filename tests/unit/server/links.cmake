set(links pthview_server)
