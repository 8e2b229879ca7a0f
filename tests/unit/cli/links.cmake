set(links pthview_cli)
