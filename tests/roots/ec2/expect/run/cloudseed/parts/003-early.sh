#cloud-boothook
#!/bin/sh
echo "hello from the boothook"
