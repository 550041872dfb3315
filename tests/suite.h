/* suite.h - runs the tests of one file with CUnit and turns the result into an exit code.
 *
 * Threads:   the main thread. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <CUnit/Basic.h>
#include <stdlib.h>

/* An entry of the table of tests. */
#define SUITE_TEST(function)                                                                       \
	{                                                                                          \
#function, function                                                                \
	}

/* tests ends with CU_TEST_INFO_NULL. A run in which nothing ran has failed. */
static inline int suite_run(const char *name, CU_TestInfo *tests)
{
	CU_SuiteInfo suites[] = {{.pName = name, .pTests = tests}, CU_SUITE_INFO_NULL};
	unsigned n_failed;

	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return EXIT_FAILURE;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	n_failed = CU_get_number_of_failures() + (CU_get_number_of_tests_run() == 0);
	CU_cleanup_registry();
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
