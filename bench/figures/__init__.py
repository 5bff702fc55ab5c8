"""The figures that drover is held to, measured on real servers and printed beside their peers'."""

import os
import sys

INTEGRATION = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tests", "integration")
sys.path.insert(0, INTEGRATION)  # the lab, the fleet and the judge are the tests' own
