"""power(x): x^exponent of numbers that are not negative, by a table.

Attributes: exponent, a number other than 0.
"""

from zkinfer.layers.function import tabled
from zkinfer.layers.functions import power

LAYER = tabled(lambda attrs: power(attrs["exponent"]))
