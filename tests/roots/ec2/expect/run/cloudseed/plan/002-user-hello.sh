#!/bin/sh
echo "hello from the script, on $(hostname)"
