# The name of a function without hashes and versions.
function plain(name) {
  sub(/17h[0-9a-f]+E(\.llvm\.[0-9]+)?$/, "", name)
  if (name ~ /^_R/) gsub(/Cs[0-9A-Za-z]+_/, "Cs_", name)
  gsub(/aws_lc_[0-9][0-9_]*_/, "aws_lc_", name)
  return name
}

# The size of a function without leading zeros, as nm prints it.
function size(digits) {
  sub(/^0+/, "", digits)
  return digits
}

# The value of hexadecimal digits.
function number(digits, value, at) {
  value = 0
  for (at = 1; at <= length(digits); at++) value = value * 16 + index("0123456789abcdef", substr(digits, at, 1)) - 1
  return value
}
