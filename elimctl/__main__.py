"""`python -m elimctl` is `elimctl`."""

from elimctl.cli.main import main

if __name__ == "__main__":
    main()
