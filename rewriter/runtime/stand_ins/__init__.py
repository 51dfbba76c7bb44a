"""Stand-ins: what `mindspore.mint` means, made of operators that every device has.

A CPU lacks the kernels of many calls of `mint`. Inside ``with rewriter.stand_ins():`` those, and no others, are made by
reference implementations with the documented meaning, checked function by function against PyTorch. They are for trying
and testing where the device is not, and for comparing; nobody made them fast.
"""
