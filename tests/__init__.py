"""The tests, in a package per package of the project; helpers are in `tests.support`."""
