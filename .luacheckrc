std = "luajit"
self = false -- a method may ignore its object
max_line_length = 120
files["spec"] = { std = "luajit+busted" }
files["scripts/meta"] = { ignore = { "212" } } -- declarations have no bodies
exclude_files = { "build", "spec/fixtures" }
