/**
 * @file difference.h
 * How a script of the operator differs from the shipped one that it stands in front of.
 */
#ifndef MW_CLI_DIFFERENCE_H
#define MW_CLI_DIFFERENCE_H

#define MW_DIFFERENCE_SAME 0
#define MW_DIFFERENCE_SOME 1
#define MW_DIFFERENCE_TROUBLE 2

/**
 * Show it on standard output, as diff(1) -u does, which is needed for it.
 * @param dirs script_dirs, which end with NULL, the shipped one last
 * @param name "container_rt", "checks/container_rt", "moonwatch/filter", "moonwatch.filter"
 * @return one of the codes above, which are those of diff(1); the last when it was said why.
 */
int mw_cli_show_difference(const char *const *dirs, const char *name);

#endif
