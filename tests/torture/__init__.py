"""The proofs of docs/reliability.md, each in two sizes; tests run the quick one."""
