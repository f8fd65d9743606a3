#!/bin/sh
echo "hello from the included script"
