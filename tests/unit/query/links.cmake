set(links pthview_query)
