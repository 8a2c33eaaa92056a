/** @file export.h  Marks what libmoonwatch offers; everything else is hidden. */
#ifndef MW_EXPORT_H
#define MW_EXPORT_H

#define MW_API __attribute__((visibility("default")))

#endif
