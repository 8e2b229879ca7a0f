#pragma once

#ifndef PTHVIEW_VERSION
#define PTHVIEW_VERSION "0.0.0"
#endif
