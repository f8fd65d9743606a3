#!/bin/sh
echo "hello from the boothook"
