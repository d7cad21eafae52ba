// Command clyra-verify checks evidence of a Clyra recorder with nothing but the bundle and a trust file.
package main

import (
	"os"

	"clyra.dev/verify/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
