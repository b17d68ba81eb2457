{
  "targets": [
    {
      "target_name": "unsuperpose",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "message": "Building through CMake",
          "inputs": ["CMakeLists.txt", "scripts/build.mjs"],
          "outputs": ["build/Release/unsuperpose.node"],
          "action": ["node", "scripts/build.mjs"]
        }
      ]
    }
  ]
}
