"""The tables of the methods: rows, runner, results."""
