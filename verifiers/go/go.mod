module clyra.dev/verify

go 1.27
