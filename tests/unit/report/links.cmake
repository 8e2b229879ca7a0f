set(links pthview_report)
